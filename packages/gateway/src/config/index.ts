export { type ConfigError, formatError, formatErrors } from './errors.ts';
export type { Env } from './expand.ts';
export type { WatchedFile } from './files.ts';
export { type ConfigInput, type LoadedConfig, loadConfig } from './load.ts';
export { readSource, type SourceText } from './read-source.ts';
export { type ConfigSource, DEFAULT_CONFIG, defaultSource, fileSource } from './sources.ts';
export { type FileWatch, type WatchOptions, watchFiles } from './watch.ts';
