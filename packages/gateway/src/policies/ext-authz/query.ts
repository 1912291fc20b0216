/** A parameter of a query, decoded. */
export interface Parameter {
  readonly key: string;
  readonly value: string;
}

/**
 * Changes the query of a path (spec 03 §10a): each one that is set takes the place of all of its name, at the end; then those that are to
 * go are taken out. What is left is written anew, as a form is; an empty one leaves no `?`.
 */
export function changeQuery(path: string, set: readonly Parameter[], remove: readonly string[]): string {
  const mark = path.indexOf('?');
  const bare = mark < 0 ? path : path.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? '' : path.slice(mark + 1));
  for (const { key, value } of set) {
    query.delete(key);
    query.append(key, value);
  }
  for (const key of remove) query.delete(key);
  const text = query.toString();
  return text === '' ? bare : `${bare}?${text}`;
}
