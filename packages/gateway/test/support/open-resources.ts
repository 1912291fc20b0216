import { expect } from 'vitest';

/** Kinds of things that hold a process open, counted. What vitest and the resolver of names use comes and goes by itself. */
function openResources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) {
    if (/^(TCP|TLS|Pipe|Timeout|HTTP|.*SocketWrap|.*ServerWrap)/.test(kind)) counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/**
 * Runs `body` and asserts that it leaves no socket, server or timer open. Handles that were closed are gone a turn or two of
 * the loop later, so it looks for a bounded number of turns.
 */
export async function leavesNothingOpen(body: () => Promise<void>): Promise<void> {
  const before = openResources();
  await body();
  for (let turns = 0; turns < 200; turns++) {
    if (more(before, openResources()).length === 0) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(more(before, openResources())).toEqual([]);
}

function more(before: Record<string, number>, after: Record<string, number>): string[] {
  return Object.entries(after).flatMap(([kind, n]) => (n > (before[kind] ?? 0) ? [`${kind}: ${n}`] : []));
}
