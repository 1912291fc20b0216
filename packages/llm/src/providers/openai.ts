import type { RouteType } from '../route-type.ts';
import type { PathOptions, Provider } from './provider.ts';

const base = '/v1';

/** OpenAI, and what speaks like it behind a host of its own. */
export const openAI: Provider = {
  name: 'openai',
  host: 'api.openai.com',
  port: 443,
  path: openAIPath,
  wantsMaxCompletionTokens: (model) => model.startsWith('gpt-'),
};

function openAIPath(type: RouteType, path: string, options: PathOptions): string {
  if (options.pathOverride !== undefined) return options.pathOverride;
  const prefix = options.pathPrefix === undefined ? undefined : trimSlashes(options.pathPrefix);
  if (type === 'passthrough' || type === 'detect') return prefix === undefined ? path : movedTo(prefix, path);
  if (options.hostOverride && prefix === undefined) return path;
  const query = path.indexOf('?');
  return `${prefix ?? base}${suffixOf(type)}${query < 0 ? '' : path.slice(query)}`;
}

/** Puts a prefix in the place of the base path, which must be a whole segment; before any other path. */
function movedTo(prefix: string, path: string): string {
  const next = path[base.length];
  const hasBase = path.startsWith(base) && (next === undefined || next === '/' || next === '?');
  return prefix + (hasBase ? path.slice(base.length) : path);
}

function suffixOf(type: RouteType): string {
  switch (type) {
    case 'responses':
    case 'embeddings':
    case 'rerank':
    case 'realtime':
      return `/${type}`;
    default:
      return '/chat/completions';
  }
}

function trimSlashes(text: string): string {
  let end = text.length;
  while (text[end - 1] === '/') end--;
  return text.slice(0, end);
}
