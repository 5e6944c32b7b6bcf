import type { Tx } from '@collabeditor/kit';

export interface DeliveryRow {
  readonly eventId: string;
  readonly type: string;
  readonly result: 'sent' | 'logged';
  readonly messageId: string;
}

/** Whether this is the event's first mail. Waits for a transaction that is mailing the same event. */
export async function recordDelivery(tx: Tx, row: DeliveryRow): Promise<boolean> {
  const { rowCount } = await tx.query(
    `INSERT INTO deliveries (event_id, type, result, message_id) VALUES ($1, $2, $3, $4) ON CONFLICT (event_id) DO NOTHING`,
    [row.eventId, row.type, row.result, row.messageId],
  );
  return rowCount === 1;
}
