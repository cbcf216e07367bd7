// A component in JavaScript without isopool's contract: the functions of texts.wit. Names are in camel case, an `option` is a
// value or `undefined`, and what is thrown is the error of a `result`.

const words = (text) => text.split(/\s+/u).filter((word) => word !== "");

export const measure = {
  count(text) {
    const lines = text.split("\n").length - (text === "" || text.endsWith("\n") ? 1 : 0);
    let bytes = 0;
    for (const letter of text) {
      const code = letter.codePointAt(0);
      bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    }
    return { lines, words: words(text).length, bytes };
  },

  wordAt(text, place) {
    return words(text)[place];
  },

  mean(numbers) {
    if (numbers.length === 0) throw "no numbers have no mean";
    return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
  },
};
