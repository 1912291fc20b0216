import { findViolations } from './layers.ts';

const violations = findViolations(new URL('..', import.meta.url).pathname);
for (const { file, line, message } of violations) console.error(`${file}:${line}: ${message}`);
if (violations.length > 0) process.exit(1);
console.log('layers: every import goes the right way');
