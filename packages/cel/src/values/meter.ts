/**
 * The budget of one evaluation. Work that grows with data (an iteration, a list walked, text searched) is paid for here, so
 * that no expression holds the thread for long, whatever the data. The result of an evaluation that overspent is an error.
 */
export interface Meter {
  /** False if the budget is gone: the caller gives up, and what it returns does not matter. */
  spend(units: number): boolean;
}

/** For work outside of an evaluation. */
export const unmetered: Meter = { spend: () => true };

/** Characters or bytes that native code gets through for the price of one unit. */
export const textPerUnit = 64;

/** Characters or bytes for the price of one unit where our own code looks at each, or the platform takes its time. */
export const slowTextPerUnit = 8;
