/** What is wrong with an expression's text, and where. */
export interface SyntaxProblem {
  /** One sentence, without the place. */
  readonly message: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based, in characters of the source. */
  readonly column: number;
  /** 0-based offset in UTF-16 units. */
  readonly offset: number;
}

/** Thrown inside the parser and caught at its door: no caller of the package ever sees it. */
export class SyntaxFailure extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** Finds the line and column of an offset. */
export function locate(source: string, message: string, offset: number): SyntaxProblem {
  const before = source.slice(0, offset);
  const start = before.lastIndexOf('\n') + 1;
  let line = 1;
  for (let at = before.indexOf('\n'); at >= 0; at = before.indexOf('\n', at + 1)) line++;
  return { message, line, column: [...before.slice(start)].length + 1, offset };
}

/** The message for people: place, the line of the source, a caret below the place (spec 04 §2). */
export function render(source: string, problem: SyntaxProblem): string {
  const start = source.lastIndexOf('\n', problem.offset - 1) + 1;
  const end = source.indexOf('\n', start);
  const line = source.slice(start, end < 0 ? source.length : end).slice(0, 1_000);
  return (
    `parse: ERROR: <input>:${problem.line}:${problem.column}: ${problem.message}\n` +
    ` | ${line}\n` +
    ` | ${'.'.repeat(Math.min(problem.column - 1, 1_000))}^`
  );
}
