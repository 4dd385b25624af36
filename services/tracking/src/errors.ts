/** Codes of this service's own problems, and their status; those of the runtime come on top. */
export const trackingProblems = {
  MR_TRACKING_BAD_FILTER: 400,
  MR_TRACKING_BAD_CURSOR: 400,
  MR_TRACKING_BAD_OPERATION: 400,
  MR_TRACKING_EVENT_NOT_FOUND: 404,
  MR_TRACKING_JOURNEY_NOT_FOUND: 404,
  MR_TRACKING_FAILURE_NOT_FOUND: 404,
  MR_TRACKING_OPERATION_NOT_FOUND: 404,
  MR_TRACKING_SERVICE_UNKNOWN: 404,
  MR_TRACKING_EVENT_NOT_FAILED: 409,
  MR_TRACKING_OPERATION_REFUSED: 409,
  MR_TRACKING_SOURCES_DOWN: 503,
} as const

export type TrackingProblemCode = keyof typeof trackingProblems
