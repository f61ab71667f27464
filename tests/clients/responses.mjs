// `node responses.mjs URL KEY`: OpenAI's JavaScript package walks one tool loop, whole and streamed; prints what it got.
import OpenAI from "openai";

const [url, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
const tools = [
  {
    type: "function",
    name: "read_file",
    strict: false,
    parameters: { type: "object", properties: { path: { type: "string" } } },
  },
];

const first = await client.responses.create({ model: "cloud", input: "What does main.py do?", tools });
const [call] = first.output.filter((item) => item.type === "function_call");
const stream = client.responses.stream({
  model: "cloud",
  tools,
  input: [
    { role: "user", content: "What does main.py do?" },
    ...first.output,
    { type: "function_call_output", call_id: call.call_id, output: "a + b" },
  ],
});
const deltas = [];
stream.on("response.output_text.delta", (event) => deltas.push(event.delta));
const final = await stream.finalResponse();
console.log(
  JSON.stringify({
    call: [call.name, JSON.parse(call.arguments)],
    deltas: deltas.join(""),
    text: final.output[0].content[0].text,
    status: final.status,
    tokens: final.usage.total_tokens,
  }),
);
