import type { Path } from './path.ts';

/** Whether a value at this path, or inside it, is a secret that no message may show. */
export function isSecretPath(path: Path): boolean {
  for (const [index, part] of path.entries()) {
    if (part === 'backendAuth' || part === 'htpasswd' || part === 'clientSecret') return true;
    if (part === 'keys' && path[index - 1] === 'apiKey') return true;
    if (part === 'session' && index === 1) return true;
    if (part === 'headers' && path[index - 1] === 'tracing') return true;
    // credentials are often written as headers
    if ((part === 'add' || part === 'set') && String(path[index - 1]).endsWith('HeaderModifier')) return true;
  }
  return false;
}
