export {
  brokerPort,
  gatewayRoutes,
  orderReadDatabase,
  postgresPort,
  serviceDatabases,
  servicePorts,
  serviceStopOrder,
  type ServiceName,
} from './addresses.ts'
export { demoAssortment, type DemoProduct } from './demo-assortment.ts'
export {
  commentAdded,
  commentDeleted,
  commentEdited,
  discussionEvents,
  discussionTimes,
  threadCreated,
  threadDeleted,
  threadEdited,
  threadViewed,
  voteCast,
  VoteKindSchema,
  voteWithdrawn,
} from './discussion-events.ts'
export {
  deadLetterTopicOf,
  discussionEventsTopic,
  orderEventsTopic,
  ordersTopic,
  paymentOrdersTopic,
  productEventsTopic,
  recovererDlqTopic,
  stockOrdersTopic,
  trackingAlertsTopic,
  userEventsTopic,
  type TopicDefinition,
} from './topics.ts'
export {
  guestCustomerId,
  parseInvoice,
  type Invoice,
  type InvoiceItem,
  type ParsedInvoice,
} from './invoice.ts'
export {
  alertRaised,
  alertRecovered,
  AlertRuleSchema,
  trackingAlertEvents,
} from './tracking-alerts.ts'
export {
  maxOrderLines,
  MillsSchema,
  OrderAnswerSchema,
  OrderIdSchema,
  OrderLineSchema,
  OrderSchema,
  OrderSourceSchema,
  OrderStatusSchema,
  SkuSchema,
  type Order,
  type OrderAnswer,
  type OrderLine,
  type OrderSource,
  type OrderStatus,
} from './order-schemas.ts'
export {
  invoiceCancelled,
  InvoiceCancellationSchema,
  InvoiceOriginSchema,
  orderCancelled,
  orderConfirmed,
  orderCreated,
  orderEvents,
  orderRejected,
  orderRolledBack,
  type InvoiceCancellation,
  type InvoiceOrigin,
} from './order-events.ts'
export { productChanged, productCreated, productEvents, productRemoved } from './product-events.ts'
export {
  orderCancelAsked,
  orderDecided,
  orderPlaced,
  paymentAnswered,
  sagaOrderEvents,
  stockAnswered,
} from './saga-events.ts'
export { userCreated, userDeleted, userEvents, userUpdated, UserRoleSchema } from './user-events.ts'
export { demoPeople, scriptedUserPattern, type DemoPerson } from './demo-people.ts'
export { accessToken } from './access-token.ts'
