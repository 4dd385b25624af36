import { startPostgres } from '@millrace/embedded'
import { ensureDatabase, openDatabase } from '@millrace/postgres'

export async function example(dir: string): Promise<string | undefined> {
  await using postgres = await startPostgres({ dir }) // about a second the first time, then 50 ms
  await ensureDatabase(postgres.url, 'shop')
  await using database = openDatabase({ url: postgres.urlOf('shop'), applicationName: 'shop' })
  const { rows } = await database.query<{ name: string }>('select current_database() as name')
  return rows[0]?.name
}
