import type { OrderAnswer } from '@millrace/contracts'
import type { Queryable } from '@millrace/postgres'

const statement = {
  name: 'note_answers',
  text: `
    insert into order_answer (order_id, side, answer, reason, answered_at)
    select a.order_id, a.side, a.answer, a.reason, a.answered_at
    from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::timestamptz[]) as a (order_id, side, answer, reason, answered_at)
    on conflict (order_id, side) do nothing`,
}

/** The first answer of a side stays. @param answers one per order and side */
export async function noteAnswers(
  on: Queryable,
  answers: readonly (OrderAnswer & { readonly answeredAt: string })[],
): Promise<void> {
  await on.query(statement, [
    answers.map((answer) => answer.orderId),
    answers.map((answer) => answer.source),
    answers.map((answer) => answer.status),
    answers.map((answer) => answer.reason),
    answers.map((answer) => answer.answeredAt),
  ])
}
