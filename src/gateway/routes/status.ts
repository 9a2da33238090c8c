import type { FastifyInstance } from 'fastify';
import type { GatewayParts } from '../parts.js';
import { addPath } from '../path.js';

/**
 * Adds `/health`, 200 as long as pushes can be taken and 503 otherwise, and `/metrics` in the text format of Prometheus. Neither names an
 * address, a host, or anything of a request; a front proxy need not hand them on all the same (docs/gateway.md).
 */
export function addStatusRoutes(server: FastifyInstance, { health, metrics }: GatewayParts): void {
  addPath(server, {
    url: '/health',
    handlers: {
      GET: async (_, reply) => {
        const report = await health.check();
        reply.status(report.status === 'failing' ? 503 : 200).header('Cache-Control', 'no-store');
        return report;
      },
    },
  });
  addPath(server, {
    url: '/metrics',
    handlers: {
      GET: async (_, reply) => {
        reply.header('Content-Type', metrics.contentType).header('Cache-Control', 'no-store');
        return await metrics.text();
      },
    },
  });
}
