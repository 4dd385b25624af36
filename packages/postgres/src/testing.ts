import { Pool, type PoolConfig } from 'pg'

/** A plain pool of `pg`, as an application has that knows nothing of us. */
export function plainPool(url: string, settings: PoolConfig = {}): Pool {
  return new Pool({ connectionString: url, ...settings })
}
