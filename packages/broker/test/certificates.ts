export { makeCertificates, type Certificate, type TestCertificates } from '@millrace/testkit'
