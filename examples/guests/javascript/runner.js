// Makes a module of tasks: the functions of the contract's `runner`, and what becomes of what they throw. Nothing here is
// about any one task; copy it as it is.
import { tasks } from "./tasks.js";
import { decode, encode } from "./utf8.js";

/** Most causes of a failure that its trace follows: a chain may be a ring. */
const MAX_CAUSES = 16;

/** What each codec makes of the argument's bytes, and of the value. */
const codecs = {
  json: {
    read(bytes) {
      const values = JSON.parse(decode(bytes));
      if (!Array.isArray(values)) throw new TypeError("expected an array of arguments");
      return values;
    },
    write: (value) => encode(JSON.stringify(value) ?? "null"),
  },
  raw: { read: (bytes) => [bytes], write: (bytes) => bytes },
};

export const runner = {
  functions() {
    return tasks.map((task) => ({
      name: task.name,
      signature: task.signature,
      docs: task.docs,
      codecs: Object.keys(codecs).filter((codec) => codec in task),
    }));
  },

  run(name, codec, argument) {
    const task = tasks.find((task) => task.name === name);
    if (!task) throw { kind: "unknown-function", message: name, trace: [] };
    if (!(Object.hasOwn(codecs, codec) && codec in task)) throw { kind: "unknown-codec", message: codec, trace: [] };
    const values = attempt("argument-codec", () => codecs[codec].read(argument));
    const value = attempt("failed", () => task[codec](...values));
    return attempt("result-codec", () => codecs[codec].write(value));
  },
};

/** What `body` returns; what it throws becomes a failure. */
function attempt(kind, body) {
  try {
    return body();
  } catch (error) {
    throw { kind, message: told(error), trace: traceOf(error) };
  }
}

function told(error) {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/** The frames of an error, and its causes with theirs. Frames begin with `at`; those of this file are left out. */
function traceOf(error) {
  const trace = [];
  for (let cause = error, causes = 0; cause instanceof Error && causes <= MAX_CAUSES; cause = cause.cause, causes++) {
    if (cause !== error) trace.push(told(cause));
    for (const line of String(cause.stack).split("\n").map((line) => line.trim())) {
      if (line !== "" && !line.includes("runner.js:")) trace.push(line.startsWith("at ") ? line : `at ${line}`);
    }
  }
  return trace;
}
