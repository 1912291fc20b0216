/** `a=1&b=x+y` as pairs, decoded as a form is: `+` is a space, broken escapes stay as they are. */
export function decodeForm(text: string): [key: string, value: string][] {
  return [...new URLSearchParams(text.startsWith('?') ? `&${text}` : text)];
}

/** A name or value of a form: space as `+`, everything but `A-Za-z0-9*-._` as `%XX`. */
export function encodeFormText(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}
