export { formatError, formatErrors } from './errors.ts';
export type { Env } from './expand.ts';
export type { WatchedFile } from './files.ts';
export { loadConfig } from './load.ts';
export { readSource } from './read-source.ts';
export { watchFiles } from './watch.ts';
