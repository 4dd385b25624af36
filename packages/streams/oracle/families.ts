import { cogroupSteps } from './cogroup-steps.ts'
import type { StepFamily } from './context.ts'
import { groupingSteps } from './grouping-steps.ts'
import { processorSteps } from './processor-steps.ts'
import { statelessSteps } from './stateless-steps.ts'
import { tableSteps } from './table-steps.ts'
import { streamJoinSteps } from './stream-join-steps.ts'
import { windowSteps } from './window-steps.ts'

/** All operations. A family is added by one line here and one in java/Families.java; no two have an operation of one name. */
export const families: StepFamily = {
  ...statelessSteps,
  ...groupingSteps,
  ...cogroupSteps,
  ...processorSteps,
  ...tableSteps,
  ...streamJoinSteps,
  ...windowSteps,
}
