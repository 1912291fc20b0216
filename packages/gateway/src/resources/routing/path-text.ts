import type { PathMatch } from '../model.ts';

/** How logs, metrics and spans name the match: the exact text, `prefix/*`, or the pattern (spec 02 §3.6). */
export function pathMatchText(path: PathMatch): string {
  if ('exact' in path) return path.exact;
  if ('regex' in path) return path.regex;
  if ('invalid' in path) return '';
  return `${path.pathPrefix.replace(/\/+$/, '')}/*`;
}
