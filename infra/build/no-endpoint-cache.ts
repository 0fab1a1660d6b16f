/** DynamoDB's client makes one, and uses it only where endpoint discovery is switched on: not here. */
export class EndpointCache {}
