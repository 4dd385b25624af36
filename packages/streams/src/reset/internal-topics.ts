/** Which topics of a cluster an application made for itself, told by their names alone. */

const suffixes = [
  '-changelog',
  '-repartition',
  '-subscription-registration-topic',
  '-subscription-response-topic',
]
/** Java's names of the topics of joins by foreign key that were given no name. */
const anonymous = /-KTABLE-FK-JOIN-SUBSCRIPTION-(REGISTRATION|RESPONSE)-\d+-topic$/

/**
 * As Kafka Streams' `StreamsResetter` tells them: `<applicationId>-…` with an ending of internal topics. One that begins with the id of
 * another group, which is longer, belongs to that: an application `shop` does not own `shop-eu-counts-changelog` where a group `shop-eu` is.
 * @param groupIds groups of the cluster
 */
export function internalTopics(
  applicationId: string,
  topics: readonly string[],
  groupIds: readonly string[],
): readonly string[] {
  const closer = groupIds.filter((groupId) => groupId.startsWith(`${applicationId}-`))
  return topics
    .filter(
      (topic) =>
        topic.startsWith(`${applicationId}-`) &&
        (suffixes.some((suffix) => topic.endsWith(suffix)) || anonymous.test(topic)) &&
        !closer.some((groupId) => topic.startsWith(`${groupId}-`)),
    )
    .toSorted()
}
