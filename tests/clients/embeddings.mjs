// `node embeddings.mjs URL KEY MODEL`: OpenAI's JavaScript package embeds two texts, packed and as numbers; prints them.
import OpenAI from "openai";

const [url, apiKey, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
const input = ["def add(a, b):", "The quick brown fox"];
const packed = await client.embeddings.create({ model, input });
const plain = await client.embeddings.create({ model, input, encoding_format: "float" });
let refusal = "";
try {
  await client.embeddings.create({ model: "gpt-5", input });
} catch (error) {
  refusal = `${error.status} ${error.message}`;
}
const vectors = (reply) => reply.data.map((row) => Array.from(row.embedding));
console.log(JSON.stringify({ packed: vectors(packed), plain: vectors(plain), tokens: plain.usage.total_tokens, refusal }));
