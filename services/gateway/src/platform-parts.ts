import type { Clock } from '@millrace/core'
import type { PartReadiness } from '@millrace/runtime'
import type { OverviewPart, PartState, StartPart } from './overview.ts'
import type { ProbeResult } from './service-probe.ts'

/** What services call the servers they need, and what the platform calls them. */
const infrastructure: readonly Infrastructure[] = [
  { name: 'postgres', pattern: /postgres|database/i },
  // Nobody need speak of a broker to show it: a consumer that runs, runs on one.
  { name: 'broker', pattern: /broker|kafka/i, shownBy: /consumer/i },
]

interface Infrastructure {
  readonly name: string
  readonly pattern: RegExp
  /** Parts that show it when none is named after it. */
  readonly shownBy?: RegExp
}

/** A part before the time of its last change is known. */
export type SeenPart = Omit<OverviewPart, 'since'>

/** What is known of the servers beside what services say of them. */
export interface OtherWitnesses {
  /** Whether the supervisor has seen a part ready before: what was, and is not any more, is down. */
  readonly hasBeenReady?: (part: string) => boolean
  /** How long ago the last of all consumers heard from the broker, ms; null where nobody says. */
  readonly brokerSilentMs?: number | null
}

/** Consumers measure their lag each second; one that is this late on a loaded machine says nothing yet, ms. */
const silentLimitMs = 8_000

/**
 * The platform's parts from what its services answered. Postgres and the broker are seen through the services that use them: a part
 * that no service speaks of, and the supervisor neither, is left out, since nothing is known of it.
 */
export function platformParts(
  probes: readonly ProbeResult[],
  start: readonly StartPart[],
  witnesses: OtherWitnesses = {},
): SeenPart[] {
  const services = probes.map((probe): SeenPart => {
    const starting = startingPart(start, probe.name)
    const isStarting = probe.state === 'down' && starting !== undefined
    return {
      name: probe.name,
      kind: 'service',
      state: isStarting ? 'starting' : probe.state,
      reason: isStarting ? (starting.detail ?? probe.reason) : probe.reason,
      url: probe.url,
    }
  })
  return [
    ...services,
    ...infrastructure.flatMap((row) => infrastructurePart(row, probes, start, witnesses)),
  ]
}

function infrastructurePart(
  { name, pattern, shownBy }: Infrastructure,
  probes: readonly ProbeResult[],
  start: readonly StartPart[],
  { hasBeenReady, brokerSilentMs }: OtherWitnesses,
): SeenPart[] {
  const part = (state: PartState, reason: string | null): SeenPart[] => [
    { name, kind: 'infrastructure', state, reason, url: null },
  ]
  const matching = (wanted: RegExp) =>
    probes.flatMap((probe) =>
      probe.parts.filter((item) => wanted.test(item.name)).map((item) => ({ probe, item })),
    )
  const told = start.find((item) => pattern.test(item.name))
  // Clients ride out that a server is away for a while, and its users are up all the same. Who runs it knows.
  if (told && told.state !== 'ready' && hasBeenReady?.(told.name) === true)
    return part('down', told.detail)
  if (name === 'broker' && (brokerSilentMs ?? 0) > silentLimitMs)
    return part(
      'down',
      `no consumer has heard from it for ${Math.round((brokerSilentMs ?? 0) / 1000)} s`,
    )
  const named = matching(pattern)
  // One that is up for a reason may be up because it is switched off, which shows nothing.
  const seen =
    named.length > 0 || !shownBy
      ? named
      : matching(shownBy).filter(({ item }) => item.state !== 'up' || item.reason === null)
  const up = seen.find(({ item }) => item.state === 'up')
  const worst =
    seen.find(({ item }) => item.state === 'down') ??
    seen.find(({ item }) => item.state === 'starting')
  // Whoever stands on it of those that only show it proves that it is there: the others have reasons of their own.
  if (worst && (named.length > 0 || !up))
    return part(
      worst.item.state,
      told && told.state !== 'ready' && told.detail
        ? told.detail
        : `${worst.probe.name} says: ${worst.item.reason ?? 'no reason'}`,
    )
  if (up) return part('up', null)
  if (!told || told.state === 'ready') return []
  return part(told.state === 'failed' ? 'down' : 'starting', told.detail)
}

function startingPart(start: readonly StartPart[], name: string): StartPart | undefined {
  return start.find(
    (part) => part.name === name && (part.state === 'waiting' || part.state === 'starting'),
  )
}

/** The same parts as the gateway's own readiness shows them. */
export function readinessOf(parts: readonly SeenPart[]): PartReadiness[] {
  return parts.map(({ name, state, reason }) => ({ name, state, reason }))
}

/** Remembers since when each part has been in its state. */
export class StateTimes {
  readonly #clock: Clock
  readonly #seen = new Map<string, { readonly state: PartState; readonly sinceMs: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  stamp(part: SeenPart): OverviewPart {
    let seen = this.#seen.get(part.name)
    if (seen?.state !== part.state) {
      seen = { state: part.state, sinceMs: this.#clock.now() }
      this.#seen.set(part.name, seen)
    }
    return { ...part, since: new Date(seen.sinceMs).toISOString() }
  }
}
