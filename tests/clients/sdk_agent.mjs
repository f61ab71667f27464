// `node sdk_agent.mjs PACKAGE URL MODEL ASK`: sdk_agent.py once more, on the JavaScript packages.
import { spawnSync } from "node:child_process";
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import { Ollama } from "ollama";
import OpenAI from "openai";

const apiKey = "sk-ant-test-not-a-real-key";
const parameters = { type: "object", properties: { command: { type: "string" } }, required: ["command"] };
const named = { name: "bash", description: "Run a command." };
const tool = { type: "function", function: { ...named, parameters } };

function run({ command }) {
  const ended = spawnSync("sh", ["-c", command], { encoding: "utf8" });
  return ended.stdout + ended.stderr || "(no output)";
}

const packages = {
  async openai(url, model, ask) {
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey });
    const messages = [{ role: "user", content: ask }];
    for (;;) {
      const stream = client.chat.completions.stream({ model, messages, tools: [tool] });
      const { message } = (await stream.finalChatCompletion()).choices[0];
      if (!message.tool_calls?.length) return message.content;
      messages.push({ role: "assistant", content: message.content, tool_calls: message.tool_calls });
      for (const call of message.tool_calls) {
        const content = run(JSON.parse(call.function.arguments));
        messages.push({ role: "tool", tool_call_id: call.id, content });
      }
    }
  },
  async anthropic(baseURL, model, ask) {
    const client = new Anthropic({ baseURL, apiKey });
    const messages = [{ role: "user", content: ask }];
    const tools = [{ ...named, input_schema: parameters }];
    for (;;) {
      const stream = client.messages.stream({ model, max_tokens: 1024, messages, tools });
      const { content } = await stream.finalMessage();
      const calls = content.filter((block) => block.type === "tool_use");
      if (!calls.length) return content.map((block) => block.text ?? "").join("");
      const results = calls.map(({ id, input }) => ({ type: "tool_result", tool_use_id: id, content: run(input) }));
      messages.push({ role: "assistant", content }, { role: "user", content: results });
    }
  },
  async "google-genai"(baseUrl, model, ask) {
    const ai = new GoogleGenAI({ apiKey, httpOptions: { baseUrl, headers: { "x-api-key": apiKey } } });
    const contents = [{ role: "user", parts: [{ text: ask }] }];
    const config = { tools: [{ functionDeclarations: [{ ...named, parametersJsonSchema: parameters }] }] };
    for (;;) {
      const parts = [];
      let end;
      for await (const piece of await ai.models.generateContentStream({ model, contents, config })) {
        parts.push(...(piece.candidates[0].content?.parts ?? []));
        end = piece.candidates[0].finishReason;
      }
      if (!end) throw new Error("the answer broke off");
      const calls = parts.flatMap((part) => part.functionCall ?? []);
      if (!calls.length) return parts.map((part) => part.text ?? "").join("");
      const results = calls.map(({ id, name, args }) => ({
        functionResponse: { id, name, response: { output: run(args) } },
      }));
      contents.push({ role: "model", parts }, { role: "user", parts: results });
    }
  },
  async ollama(host, model, ask) {
    const client = new Ollama({ host, headers: { "x-api-key": apiKey } });
    const messages = [{ role: "user", content: ask }];
    for (;;) {
      const calls = [];
      let [content, done] = ["", false];
      for await (const part of await client.chat({ model, messages, tools: [tool], stream: true })) {
        content += part.message.content;
        calls.push(...(part.message.tool_calls ?? []));
        ({ done } = part);
      }
      if (!done) throw new Error("the answer broke off");
      if (!calls.length) return content;
      messages.push({ role: "assistant", content, tool_calls: calls });
      for (const call of calls) {
        messages.push({ role: "tool", tool_name: "bash", content: run(call.function.arguments) });
      }
    }
  },
};

const [name, ...rest] = process.argv.slice(2);
console.log(await packages[name](...rest));
