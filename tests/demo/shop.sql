-- shop.sql: an order database of 230,000 rows, made the same at every run.
select setseed(0.42);

create table customers (
    id bigint primary key,
    name text not null,
    email varchar(120) unique,
    vip boolean not null default false,
    balance numeric(12, 2) not null,
    profile jsonb,
    born date,
    created_at timestamptz not null
);
create table products (
    id integer primary key,
    sku char(12) not null,
    title text not null,
    price numeric(10, 2) not null,
    weight double precision,
    tags text[],
    updated_at timestamp not null
);
create table orders (
    id bigint primary key,
    customer_id bigint not null,
    status text not null,
    total numeric(14, 2) not null,
    placed_at timestamptz not null,
    note text
);
create table order_lines (
    order_id bigint not null,
    line smallint not null,
    product_id integer not null,
    quantity integer not null,
    price numeric(10, 2) not null,
    primary key (order_id, line)
);

insert into customers
select n, 'Customer ' || n, 'c' || n || '@example.org', n % 17 = 0, (n * 7919 % 1000000) / 100.0,
       jsonb_build_object('tier', n % 4, 'langs', jsonb_build_array('de', 'en'), 'note', E'q"\\u00fc'),
       date '1950-01-01' + n % 20000, timestamptz '2020-01-01 00:00:00+00' + n * interval '1 second'
from generate_series(1, 20000) n;

insert into products
select n, 'SKU' || lpad(n::text, 9, '0'), 'Product №' || n, (n * 131 % 100000) / 100.0 + 0.01,
       case when n % 10 = 0 then null else n / 7.0 end,
       case when n % 3 = 0 then null else array['t' || n % 5, 'x,"y"'] end,
       timestamp '2024-02-29 12:00:00.000001' + n * interval '1 minute'
from generate_series(1, 2000) n;

insert into orders
select n, 1 + n * 31 % 20000, (array['new', 'paid', 'shipped', 'done'])[1 + n % 4],
       (n::bigint * 104729 % 10000000) / 100.0,
       timestamptz '2025-01-01 00:00:00+00' + n * interval '7.000123 seconds',
       case when n % 5 = 0 then repeat('note ', n % 50) end
from generate_series(1, 58000) n;

insert into order_lines
select n, l, 1 + (n * 17 + l * 13) % 2000, 1 + (n + l) % 9, ((n + l) * 131 % 100000) / 100.0
from generate_series(1, 50000) n, generate_series(1, 3) l;
