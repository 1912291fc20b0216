export { type CompiledRegex, compileRegex, type LinearRegex } from './regex.ts';
