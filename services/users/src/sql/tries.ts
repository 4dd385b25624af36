import type { Queryable } from '@millrace/postgres'
import type { TryLimit } from '../domain/try-limits.ts'

export interface TriedSubject {
  /** Hash of what is limited. */
  readonly subject: Buffer
  readonly limit: TryLimit
}

export interface TryOutcome {
  readonly isTaken: boolean
  /** Until one more try would be taken, ms; 0 when this one was. */
  readonly waitMs: number
}

const take = {
  name: 'take_tries',
  text: `
    insert into try_bucket as b (subject, level, is_taken, updated_at)
    select t.subject, 1, true, $4::timestamptz
    from unnest($1::bytea[], $2::double precision[], $3::double precision[]) as t (subject, capacity, drain_ms)
    order by t.subject
    on conflict (subject) do update
    set (level, is_taken, updated_at) = (
      select d.level + d.fits::integer, d.fits, excluded.updated_at
      from (
        select l.level, l.level + 1 <= t.capacity as fits
        from unnest($1::bytea[], $2::double precision[], $3::double precision[]) as t (subject, capacity, drain_ms)
        cross join lateral (
          select greatest(0, b.level - greatest(0, extract(epoch from excluded.updated_at - b.updated_at) * 1000) / t.drain_ms) as level
        ) l
        where t.subject = b.subject
      ) d (level, fits)
    )
    returning b.subject, b.is_taken as "isTaken", b.level`,
}

/**
 * Counts a try of each subject that has room; one that has none is not filled further, so that hammering does not prolong the wait.
 * In order of the subject, so that two at once wait and do not deadlock.
 */
export async function takeTries(
  on: Queryable,
  tried: readonly TriedSubject[],
  now: Date,
): Promise<TryOutcome> {
  const { rows } = await on.query<{ subject: Buffer; isTaken: boolean; level: number }>(take, [
    tried.map((one) => one.subject),
    tried.map((one) => one.limit.capacity),
    tried.map((one) => one.limit.drainMs),
    now,
  ])
  const waits = rows.map((row) => {
    const limit = tried.find((one) => one.subject.equals(row.subject))?.limit
    return row.isTaken || !limit ? 0 : (row.level + 1 - limit.capacity) * limit.drainMs
  })
  return { isTaken: rows.every((row) => row.isTaken), waitMs: Math.max(0, ...waits) }
}

/** Takes back a try that was no failure. To be called outside a transaction: it must not hold one bucket while it waits for another. */
export async function giveTryBack(on: Queryable, subject: Buffer): Promise<void> {
  const statement = {
    name: 'give_try_back',
    text: `
      update try_bucket
      set level = greatest(0, level - 1)
      where subject = $1::bytea`,
  }
  await on.query(statement, [subject])
}
