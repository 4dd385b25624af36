import { readSetting, writeSetting } from './storage.ts'
import { createStore } from './store.ts'

/**
 * The session of this browser, as far as a page can know it: the tokens lie in cookies that no script reads. When the access token runs out is kept
 * here, for all tabs, so that it is renewed before the first request that would meet its end; nobody notices, and nobody is signed out by waiting.
 * A refresh token is good once, so all tabs renew one after the other (Web Locks), and look first whether another has done it.
 */
const expirySetting = 'session-expires-at'
const refreshPath = '/api/me/refresh'
const lockName = 'millrace.session'
/** A token with less left than this is renewed before the request: clocks differ, and requests take time. */
const renewBeforeMs = 30_000
const renewTimeoutMs = 15_000

/** Whether a request met the end of a session that nothing could go on with. */
export interface SessionEnd {
  /** Somebody must sign in before anything else. */
  readonly isOver: boolean
  /** There had been a session: it is told, and not asked for like a first sign-in. */
  readonly wasSignedIn: boolean
}

const running: SessionEnd = { isOver: false, wasSignedIn: false }

/** Written by this module alone. */
export const sessionEndStore = createStore<SessionEnd>(running)

/** After a sign-in or a refresh, and no other time. */
export function keepSession(expiresInSeconds: number): void {
  writeSetting(expirySetting, String(Date.now() + expiresInSeconds * 1000))
  sessionEndStore.set(running)
}

/** After a sign-out, or when a demo person is chosen: whoever asks from now on has no session, and that is as wanted. */
export function forgetSession(): void {
  writeSetting(expirySetting, null)
  sessionEndStore.set(running)
}

/**
 * `fetch` for the session's requests: an access token that is about to run out, or has, is renewed first, and a request that was refused
 * for it is sent again. A 401 changes nothing, so every request may be.
 * @returns what the path answered; or what the refresh did, where that could not be asked just now: an outage is no sign-out
 */
export async function fetchInSession(path: string, init: RequestInit): Promise<Response> {
  const expiresAtMs = knownExpiry()
  if (expiresAtMs !== null && expiresAtMs - Date.now() < renewBeforeMs) await renew(expiresAtMs)
  const seenMs = knownExpiry()
  const response = await fetch(path, init)
  if (response.status !== 401) return response
  const renewal = await renew(seenMs)
  if (renewal.kind === 'over') return response
  await response.body?.cancel()
  return renewal.kind === 'away' ? renewal.response.clone() : fetch(path, init)
}

/** Asks for a new access token now, which says what has changed of the person since. */
export async function renewSession(): Promise<void> {
  await renew(knownExpiry())
}

type Renewal =
  | { readonly kind: 'renewed' }
  | { readonly kind: 'over' }
  | { readonly kind: 'away'; readonly response: Response }

/** Requests of this page that wait for the same renewal. Set and cleared by `renew` alone. */
let renewing: Promise<Renewal> | null = null

/** @param seenMs the end of the access token that turned out to be too old; null where none was known */
function renew(seenMs: number | null): Promise<Renewal> {
  if (seenMs === null && sessionEndStore.get().isOver) return Promise.resolve({ kind: 'over' })
  renewing ??= alone(() => renewUnlessDone(seenMs)).finally(() => {
    renewing = null
  })
  return renewing
}

async function renewUnlessDone(seenMs: number | null): Promise<Renewal> {
  const knownMs = knownExpiry()
  // Another tab was faster, or has signed out.
  if (knownMs !== seenMs) return knownMs === null ? over(true) : { kind: 'renewed' }
  const response = await fetch(refreshPath, {
    method: 'POST',
    headers: { accept: 'application/json' },
    // It must arrive although the page is left: the old token is used up by then.
    keepalive: true,
    signal: AbortSignal.timeout(renewTimeoutMs),
  })
  if (response.status === 401) return over(seenMs !== null)
  if (!response.ok) return { kind: 'away', response }
  const answer: unknown = await response.json()
  keepSession((answer as { readonly expiresInSeconds: number }).expiresInSeconds)
  return { kind: 'renewed' }
}

function over(wasSignedIn: boolean): Renewal {
  writeSetting(expirySetting, null)
  sessionEndStore.set({ isOver: true, wasSignedIn })
  return { kind: 'over' }
}

/** One tab at a time, where the browser can; without Web Locks the gateway still joins refreshes that come at once. */
function alone<T>(work: () => Promise<T>): Promise<T> {
  const locks = globalThis.navigator?.locks as LockManager | undefined
  return locks === undefined ? work() : locks.request(lockName, work)
}

/** Calls when another tab has signed in, renewed or signed out. @returns what ends that */
export function onSessionElsewhere(listener: () => void): () => void {
  const onStorage = (event: StorageEvent): void => {
    if (event.key === `millrace.${expirySetting}`) listener()
  }
  window.addEventListener('storage', onStorage)
  return () => window.removeEventListener('storage', onStorage)
}

function knownExpiry(): number | null {
  const text = readSetting(expirySetting)
  const expiresAtMs = Number(text)
  return text !== null && Number.isFinite(expiresAtMs) ? expiresAtMs : null
}
