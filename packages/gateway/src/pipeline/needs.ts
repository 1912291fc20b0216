/** What the expressions of some policies read of bodies: it is captured before the first of them runs (spec 04 §7). */
export interface PhaseNeeds {
  readonly requestBody: boolean;
  readonly responseBody: boolean;
}

export const noNeeds: PhaseNeeds = { requestBody: false, responseBody: false };

export function joinNeeds(a: PhaseNeeds, b: PhaseNeeds): PhaseNeeds {
  return { requestBody: a.requestBody || b.requestBody, responseBody: a.responseBody || b.responseBody };
}
