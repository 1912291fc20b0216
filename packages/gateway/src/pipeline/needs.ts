/** What the expressions of some policies read of bodies: it is captured before the first of them runs (spec 04 §7). */
export interface PhaseNeeds {
  /** Anything of the request: for those that are evaluated when all is over, it is kept as it was before the backend's own policies. */
  readonly request?: boolean;
  readonly requestBody: boolean;
  readonly responseBody: boolean;
}

export const noNeeds: PhaseNeeds = { requestBody: false, responseBody: false };

export function joinNeeds(a: PhaseNeeds, b: PhaseNeeds): PhaseNeeds {
  return {
    request: a.request === true || b.request === true,
    requestBody: a.requestBody || b.requestBody,
    responseBody: a.responseBody || b.responseBody,
  };
}
