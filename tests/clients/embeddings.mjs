// `node embeddings.mjs URL KEY MODEL`: OpenAI's JavaScript package embeds two texts, packed and as numbers, and Ollama's
// embeds them in both of its forms; prints all of them.
import { Ollama } from "ollama";
import OpenAI from "openai";

const [url, apiKey, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
const input = ["def add(a, b):", "The quick brown fox"];
const packed = await client.embeddings.create({ model, input });
const plain = await client.embeddings.create({ model, input, encoding_format: "float" });
const refusal = async (ask) => {
  try {
    await ask();
    return "";
  } catch (error) {
    return `${error.status ?? error.status_code} ${error.message}`;
  }
};
const ollama = new Ollama({ host: url });
const embedded = await ollama.embed({ model, input });
const older = await ollama.embeddings({ model, prompt: input[0] });
const vectors = (reply) => reply.data.map((row) => Array.from(row.embedding));
console.log(
  JSON.stringify({
    packed: vectors(packed),
    plain: vectors(plain),
    tokens: plain.usage.total_tokens,
    refusal: await refusal(() => client.embeddings.create({ model: "gpt-5", input })),
    ollama: embedded.embeddings,
    ollamaTokens: embedded.prompt_eval_count,
    older: older.embedding,
    ollamaRefusal: await refusal(() => ollama.embed({ model: "llama3", input })),
  }),
);
