// Text and bytes. QuickJS has no TextDecoder; these two functions are in every engine.

/** The text of UTF-8 bytes; throws a URIError if they are none. */
export function decode(bytes) {
  const pieces = [];
  for (let i = 0; i < bytes.length; i += 4096) pieces.push(String.fromCharCode(...bytes.subarray(i, i + 4096)));
  return decodeURIComponent(escape(pieces.join("")));
}

/** The UTF-8 bytes of a text; half a surrogate pair becomes U+FFFD. */
export function encode(text) {
  return Uint8Array.from(unescape(encodeURIComponent(text.toWellFormed())), (letter) => letter.charCodeAt(0));
}
