/**
 * The statement that writes the receipts of all rows of `data`: partition 0, the id as offset, published now. Packed as the relay does where
 * `ids` ids in a row are one chunk's.
 * @param ids 1 to 128
 */
export function packedReceipts(data: string, ids: number): string {
  return `insert into outbox.event_delivery_chunk (
      day_id, last_id, first_id, batch_no, published_at, relative_ids, offsets, partition_numbers)
    select day_id, max(id), min(id), 1, now(), array_agg((id - first_id)::smallint order by id), array_agg(id order by id),
      array_agg(0 order by id)
    from (
      select day_id, id, min(id) over (partition by day_id, id / ${ids}) as first_id
      from (select outbox.event_day(d.event_id) as day_id, d.id from ${data} d) d
    ) d
    group by day_id, id / ${ids}`
}
