import { enableCompileCache } from 'node:module';

// Before anything else is loaded: code that was compiled once is not compiled again by the next start.
enableCompileCache();

const { main } = await import('./command.ts');
process.exitCode = await main(process.argv.slice(2));
