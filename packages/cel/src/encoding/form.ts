/** `a=1&b=x+y` as pairs, decoded as a form is: `+` is a space, broken escapes stay as they are. */
export function decodeForm(text: string): [key: string, value: string][] {
  const pairs: [string, string][] = [];
  let start = 0;
  while (start < text.length) {
    let end = text.indexOf('&', start);
    if (end < 0) end = text.length;
    if (end > start) {
      const equals = text.indexOf('=', start);
      const middle = equals < 0 || equals > end ? end : equals;
      pairs.push([
        decodeFormText(text.slice(start, middle)),
        decodeFormText(text.slice(middle + 1, Math.max(end, middle + 1))),
      ]);
    }
    start = end + 1;
  }
  return pairs;
}

function decodeFormText(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  // One nameless field, so that the platform's own rules decide about escapes that are none.
  return new URLSearchParams(`=${text.replaceAll('&', '%26')}`).get('') ?? '';
}

/** A name or value of a form: space as `+`, everything but `A-Za-z0-9*-._` as `%XX`. */
export function encodeFormText(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}
