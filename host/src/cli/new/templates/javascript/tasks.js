// Tasks in JavaScript. Each call of one has an engine of its own: nothing that one leaves is there for the next.

function wordCount(text) {
  return text.split(/\s+/u).filter((word) => word !== "").length;
}

function median(numbers) {
  if (numbers.length === 0) throw new Error("no numbers have no median");
  const sorted = numbers.toSorted((one, other) => one - other);
  const middle = sorted.length / 2;
  return Number.isInteger(middle) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[Math.floor(middle)];
}

/** `json` takes values and returns one; a task with `raw` takes and returns one Uint8Array. */
export const tasks = [
  {
    name: "word_count",
    signature: "(text: string) => number",
    docs: "Counts the words of a text: what stands between white space.",
    json: wordCount,
  },
  {
    name: "median",
    signature: "(numbers: number[]) => number",
    docs: "The median of a sample.",
    json: median,
  },
];
