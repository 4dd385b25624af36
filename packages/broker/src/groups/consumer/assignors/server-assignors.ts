import { rangeAssignor } from './range-assignor.ts'
import type { ServerAssignor } from './server-assignor.ts'
import { uniformAssignor } from './uniform-assignor.ts'

/** By name; the first is taken where no member asks for one [group.consumer.assignors]. */
export const serverAssignors: ReadonlyMap<string, ServerAssignor> = new Map(
  [uniformAssignor, rangeAssignor].map((assignor) => [assignor.name, assignor]),
)

export const DEFAULT_ASSIGNOR = uniformAssignor.name
