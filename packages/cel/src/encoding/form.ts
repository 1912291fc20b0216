/** `a=1&b=x+y` as pairs, decoded as a form is: `+` is a space, broken escapes stay as they are. */
export function decodeForm(text: string): [key: string, value: string][] {
  const pairs: [string, string][] = [];
  eachField(text, (start, middle, end) => {
    pairs.push([decodeFormText(text.slice(start, middle)), decodeFormText(text.slice(middle + 1, end))]);
  });
  return pairs;
}

/** The values of one key, decoded. */
export function formValues(text: string, key: string): string[] {
  const values: string[] = [];
  eachField(text, (start, middle, end) => {
    if (decodeFormText(text.slice(start, middle)) === key) values.push(decodeFormText(text.slice(middle + 1, end)));
  });
  return values;
}

/** Finds where each field starts, where its key ends, and where it ends. Empty ones are skipped. */
function eachField(text: string, found: (start: number, middle: number, end: number) => void): void {
  let start = 0;
  while (start < text.length) {
    let end = text.indexOf('&', start);
    if (end < 0) end = text.length;
    if (end > start) {
      const equals = text.indexOf('=', start);
      found(start, equals < 0 || equals > end ? end : equals, end);
    }
    start = end + 1;
  }
}

function decodeFormText(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  // One nameless field, so that the platform's own rules decide about escapes that are none.
  return new URLSearchParams(`=${text.replaceAll('&', '%26')}`).get('') ?? '';
}

/** A name or value of a form: space as `+`, everything but `A-Za-z0-9*-._` as `%XX`. */
export function encodeFormText(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(/[!'()~]|%20/g, (found) =>
    found === '%20' ? '+' : `%${found.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
