// The work of one order, as a user of Node-RED or n8n writes it: pick, clean, hash, build. No schema check.
function eventOf(order, crypto) {
  const hash = text => crypto.createHash('sha256').update(text).digest('hex');
  const plain = text => String(text).trim().toLowerCase();
  const letters = text => plain(text).replace(/[^\p{L}]/gu, '');
  const customer = order.customer, address = order.billing_address, client = order.client_details;
  const notes = Object.fromEntries(order.note_attributes.map(note => [note.name, note.value]));
  return {
    event_name: 'Purchase',
    event_time: Math.floor(Date.parse(order.created_at) / 1000),
    event_id: 'order-' + String(order.id),
    action_source: 'website',
    event_source_url: order.order_status_url,
    user_data: {
      em: [hash(plain(order.email))],
      ph: [hash(String(customer.phone).replace(/\D/g, ''))],
      fn: [hash(letters(customer.first_name))],
      ln: [hash(letters(customer.last_name))],
      db: [hash(String(customer.date_of_birth).replace(/-/g, ''))],
      ct: [hash(letters(address.city))],
      st: [hash(plain(address.province_code))],
      zp: [hash(String(address.zip).slice(0, 5))],
      country: [hash(plain(address.country_code))],
      external_id: [hash(String(customer.id))],
      client_ip_address: client.browser_ip,
      client_user_agent: client.user_agent,
      fbc: notes._fbc,
      fbp: notes._fbp,
    },
    custom_data: {
      value: parseFloat(order.total_price),
      currency: order.currency,
      order_id: String(order.id),
      content_type: 'product',
      contents: order.line_items.map(item => (
        {id: String(item.variant_id), quantity: item.quantity, item_price: parseFloat(item.price)})),
      num_items: order.line_items.reduce((sum, item) => sum + item.quantity, 0),
    },
  };
}
