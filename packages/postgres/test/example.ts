import { migrate, openDatabase } from '@millrace/postgres'

export async function example(url: string): Promise<bigint | undefined> {
  await using database = openDatabase({ url, applicationName: 'greeter' })
  await migrate(database, { name: 'greeter', directory: new URL('migrations/', import.meta.url) })

  return database.transaction(async (tx) => {
    tx.queryLast('insert into greeting (word) values ($1)', ['moin']) // leaves with the commit
    await tx.query('insert into greeting (word) values ($1)', ['hello'])
    const { rows } = await tx.query<{ n: bigint }>('select count(*) as n from greeting')
    return rows[0]?.n
  })
}
