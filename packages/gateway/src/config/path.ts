/** Where a value stands in the document: keys and indexes from the root. */
export type Path = readonly (string | number)[];

/** Writes a path as users read it: `routes[0].policies["x-y"]`; the root is `the configuration`. */
export function formatPath(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (/^[A-Za-z_$][\w$-]*$/.test(part)) text += text === '' ? part : `.${part}`;
    else text += `[${JSON.stringify(part)}]`;
  }
  return text === '' ? 'the configuration' : text;
}
