import {
  joinWindows,
  stringSerde,
  type JoinWindows,
  type KStream,
  type Serde,
} from '@millrace/streams'
import { named, type StepFamily } from './context.ts'
import { functionOf, text } from './functions.ts'
import type { Step } from './scenario.ts'
import { serdeOf } from './types.ts'

/** Joins of two streams. java/StreamJoinSteps.java is its twin. */
export const streamJoinSteps: StepFamily = {
  streamJoin(context, step) {
    const left = context.stream(step)
    const right = context.at(step, 'other') as KStream<unknown, unknown>
    const joiner = functionOf(joiners, step['fn'])
    const options = joinOptions(step, left, right)
    switch (step['kind']) {
      case 'inner':
        return left.join(right, joiner, options)
      case 'left':
        return left.leftJoin(right, joiner, options)
      case 'outer':
        return left.outerJoin(right, joiner, options)
      default:
        throw new Error(`No such join: ${JSON.stringify(step)}`)
    }
  },
}

const joiners: Readonly<Record<string, (left: unknown, right: unknown, key: unknown) => unknown>> =
  {
    pair: (left, right) => `${text(left)}+${text(right)}`,
    withKey: (left, right, key) => `${text(key)}:${text(left)}+${text(right)}`,
    left: (left) => left,
    toNull: () => null,
    throwOnX(left, right) {
      if (left === 'x' || right === 'x') throw new Error('the function was given an x')
      return `${text(left)}+${text(right)}`
    },
  }

/** `name`, `store`, `key`, `leftValue`, `rightValue`, `logging`, and the windows; serdes not named are those of the streams, else text. */
function joinOptions(
  step: Step,
  left: KStream<unknown, unknown>,
  right: KStream<unknown, unknown>,
) {
  const serde = (option: string, known: Serde<unknown> | undefined): Serde<unknown> =>
    step[option] === undefined ? (known ?? stringSerde) : serdeOf(step[option] as string)
  return {
    ...named(step),
    windows: windowsOf(step),
    key: serde('key', left.parts.key),
    leftValue: serde('leftValue', left.parts.value),
    rightValue: serde('rightValue', right.parts.value),
    store: {
      ...(step['store'] !== undefined && { name: step['store'] as string }),
      ...(step['logging'] !== undefined && { logging: Boolean(step['logging']) }),
    },
  }
}

/** `withinMs`, or `beforeMs` and `afterMs`; and `graceMs`. */
function windowsOf(step: Step): JoinWindows {
  const graceMs = Number(step['graceMs'])
  return joinWindows(
    step['withinMs'] === undefined
      ? { beforeMs: Number(step['beforeMs']), afterMs: Number(step['afterMs']), graceMs }
      : { withinMs: Number(step['withinMs']), graceMs },
  )
}
