// Tasks in JavaScript. What they are for is rules that users write: a rule is code, and it is evaluated where it can harm
// nobody, in the sandbox of its one task.
import { log } from "isopool:task/host@0.1.0";
import { decode, encode } from "./utf8.js";

function countWords(text) {
  return text.split(/\s+/u).filter((word) => word !== "").length;
}

function minify(bytes) {
  try {
    return encode(JSON.stringify(JSON.parse(decode(bytes))));
  } catch (cause) {
    throw new Error(`${bytes.length} bytes are no JSON`, { cause });
  }
}

function score(rule, record) {
  const warn = (message) => log({ level: "warn", target: "rule", message: String(message), file: undefined, line: undefined });
  return new Function("record", "warn", `"use strict"; return (${rule}\n)`)(record, warn);
}

/** Each task has a function for each codec that it speaks: `json` takes values, `raw` one Uint8Array; each returns such. */
export const tasks = [
  {
    name: "word_count",
    signature: "(text: string) => number",
    docs: "Counts the words of a text: what stands between white space.",
    json: countWords,
    raw: (bytes) => encode(String(countWords(decode(bytes)))),
  },
  {
    name: "score",
    signature: "(rule: string, record: any) => any",
    docs: "Evaluates a rule, an expression of JavaScript, over a `record`. It may say `warn(text)`.",
    json: score,
  },
  {
    name: "minify",
    signature: "(json: Uint8Array) => Uint8Array",
    docs: "JSON without its white space.",
    raw: minify,
  },
];
