import { StreamsError } from '../errors.ts'
import type { Emit } from '../operators/close-emitter.ts'
import { required } from '../serde.ts'
import { sessionStore, type SessionStore } from '../state/session-store.ts'
import type { StoreBuilder } from '../state/store.ts'
import { timestampedWindowStore, type TimestampedWindowStore } from '../state/window-store.ts'
import {
  neededRetentionMs,
  type SessionWindows,
  type SlidingWindows,
  type TimeWindows,
} from '../windows.ts'
import type { StorePlan } from './store-plan.ts'

/** The store of a windowed aggregation. @throws StreamsError `MR_STREAMS_BAD_WINDOW` where it would not be kept long enough */
export function windowStoreOf<K, V>(
  plan: StorePlan<K, V>,
  windows: TimeWindows | SlidingWindows,
  emit: Emit,
): StoreBuilder<TimestampedWindowStore<K, V>> {
  return timestampedWindowStore({
    ...storePart(plan, emit, windows.kind === 'time'),
    sizeMs: windows.kind === 'time' ? windows.sizeMs : windows.differenceMs,
    retentionMs: retentionMs(plan, windows),
    isIndexedByKey: windows.kind === 'sliding',
  })
}

/** The store of an aggregation by session. @throws StreamsError `MR_STREAMS_BAD_WINDOW` where it would not be kept long enough */
export function sessionStoreOf<K, V>(
  plan: StorePlan<K, V>,
  windows: SessionWindows,
  { emit, isCompatible }: { readonly emit: Emit; readonly isCompatible: boolean },
): StoreBuilder<SessionStore<K, V>> {
  // Java's default is one ms less: the session whose end is the close bound is written but not found again (trap 13).
  const more = isCompatible || plan.options.retentionMs !== undefined ? 0 : 1
  return sessionStore({
    ...storePart(plan, emit, false),
    retentionMs: retentionMs(plan, windows) + more,
  })
}

function storePart<K, V>(plan: StorePlan<K, V>, emit: Emit, isTimeWindowed: boolean) {
  const { logging, caching, type, ttlMs } = plan.options
  if (ttlMs !== undefined)
    throw new StreamsError(
      'MR_STREAMS_BAD_OPTION',
      `"${plan.name}" holds windows, which live as long as retentionMs says; leave out ttlMs.`,
      { store: plan.name, ttlMs },
    )
  return {
    name: plan.name,
    key: required(plan.key, 'key', plan.name),
    value: required(plan.value, 'value', plan.name),
    isLogged: logging !== false,
    topicConfig: typeof logging === 'object' ? logging : {},
    type: type ?? 'persistent',
    // As in Java: a cache of tumbling and hopping windows that are sent on close spares the changelog; others have none then.
    isCached: caching !== false && (emit === 'update' || isTimeWindowed),
  } as const
}

/** Checked when the aggregation is written down, so that the error comes from the line that is wrong. */
export function retentionMs(
  plan: StorePlan<unknown, unknown> | Pick<StorePlan<unknown, unknown>, 'name' | 'options'>,
  windows: TimeWindows | SlidingWindows | SessionWindows,
): number {
  const needed = neededRetentionMs(windows)
  const given = plan.options.retentionMs ?? needed
  if (Number.isSafeInteger(given) && given >= needed) return given
  throw new StreamsError(
    'MR_STREAMS_BAD_WINDOW',
    `The store "${plan.name}" is to keep windows for ${given} ms, but they can change for ${needed} ms. Set its retentionMs to a whole number of ms that is at least that, or leave it out.`,
    { store: plan.name, retentionMs: given, neededMs: needed },
  )
}
