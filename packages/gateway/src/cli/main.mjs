import { enableCompileCache } from 'node:module';

// Before anything else is loaded: code that was compiled once is not compiled again by the next start. This one file is
// loaded without the cache, and in JavaScript, since Node's compiler of TypeScript takes 30 ms to load.
enableCompileCache();

const { main } = await import('./command.ts');
process.exitCode = await main(process.argv.slice(2));
