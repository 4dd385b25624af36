import type { Statement } from '@millrace/postgres'
import type { Prepare } from '../sql/names.ts'

export interface IdempotencyStatements {
  readonly lock: Statement
  readonly find: Statement
  readonly keep: Statement
  readonly prune: Statement
}

export function idempotencyStatements(prepare: Prepare): IdempotencyStatements {
  return {
    // Held until the end of the transaction, also one that ends because its process died.
    lock: prepare(
      'lock-http-keys',
      () => `
        select pg_try_advisory_xact_lock(hashtextextended(k.name, 0)) as "isLocked"
        from unnest($1::text[]) with ordinality as k (name, place)
        order by k.place`,
    ),
    find: prepare(
      'find-http-answers',
      (schema) => `
        select k.place::integer as place, h.fingerprint, h.status::integer as status, h.headers, h.body
        from unnest($1::text[], $2::text[]) with ordinality as k (scope, key, place)
        join ${schema}.http_idempotency h on h.scope = k.scope and h.key = k.key
        where h.expires_at > clock_timestamp()`,
    ),
    // A row that is there is one whose time is over: the lock is ours.
    keep: prepare(
      'keep-http-answer',
      (schema) => `
        insert into ${schema}.http_idempotency (scope, key, fingerprint, status, headers, body, expires_at)
        values ($1, $2, $3, $4::smallint, $5, $6,
          clock_timestamp() + $7::float8 * interval '1 millisecond')
        on conflict (scope, key) do update
          set fingerprint = excluded.fingerprint,
            status = excluded.status,
            headers = excluded.headers,
            body = excluded.body,
            created_at = excluded.created_at,
            expires_at = excluded.expires_at`,
    ),
    prune: prepare(
      'prune-http-answers',
      (schema) => `
        delete from ${schema}.http_idempotency
        where (scope, key) in (
          select scope, key
          from ${schema}.http_idempotency
          where expires_at < clock_timestamp()
          limit 10000
        )`,
    ),
  }
}
