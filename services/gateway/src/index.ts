export { gatewayErrors, GatewayError } from './errors.ts'
export { gatewayService } from './service.ts'
