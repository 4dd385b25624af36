import type { AssignedPlan } from '../src/runtime/assignment/task-assignor.ts'

/** A plan whose topics are all known by name. */
export function fixedPlan(
  subtopologies: readonly Omit<AssignedPlan['subtopologies'][number], 'patterns'>[],
): AssignedPlan {
  return {
    subtopologies: subtopologies.map((each) => ({ patterns: [], ...each })),
    isOpen: false,
    matched: new Map(),
    follow: () => {},
  }
}
