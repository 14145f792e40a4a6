"""JSON schemas of the API's documents: the components of the OpenAPI description."""

from typing import Any

from actors.status import OrderStatus
from actors.topology import SHARDS_MAX
from gateway.fields import CLIENT_ID_SIZE_MAX
from gateway.keys import SCOPES
from gateway.problems import PROBLEMS

Schema = dict[str, Any]

STRING: Schema = {"type": "string"}
BOOLEAN: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
DECIMAL: Schema = {"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "examples": ["27000.50"]}
POSITIVE: Schema = {"type": "string", "pattern": r"^\d+(\.\d+)?$", "maxLength": 40, "examples": ["27000.50"]}
TIME: Schema = {"type": "string", "format": "date-time", "examples": ["2026-11-22T22:04:05.123456Z"]}
ORDER_ID: Schema = {"type": "string", "format": "uuid"}
ACCOUNT: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,32}$"}
CLIENT_ID: Schema = {"type": "string", "pattern": f"^[ -~]{{1,{CLIENT_ID_SIZE_MAX}}}$"}
SIDE: Schema = {"enum": ["buy", "sell"]}
ORDER_TYPE: Schema = {"enum": ["limit", "market"]}
TIME_IN_FORCE: Schema = {"enum": ["GTC", "IOC", "FOK"]}
STATUS: Schema = {"enum": [str(status) for status in OrderStatus]}


def ref(name: str) -> Schema:
    """Point to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def array(items: Schema) -> Schema:
    """A list of such items."""
    return {"type": "array", "items": items}


def or_null(schema: Schema) -> Schema:
    """This, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def record(*, optional: tuple[str, ...] = (), **members: Schema) -> Schema:
    """An object with exactly these members, of which the optional ones may be absent."""
    return {
        "type": "object",
        "properties": members,
        "required": [name for name in members if name not in optional],
        "additionalProperties": False,
    }


_ORDER_OPTIONAL = ("price", "quantity", "budget", "time_in_force", "post_only", "client_order_id")
_SUMS = record(
    asset=STRING, free=DECIMAL, held=DECIMAL, fees=DECIMAL, clearing=DECIMAL, deposits=DECIMAL, withdrawals=DECIMAL
)
_LEVEL: Schema = {
    "type": "array",
    "prefixItems": [DECIMAL, DECIMAL],
    "minItems": 2,
    "maxItems": 2,
    "description": "Price and quantity.",
}

SCHEMAS: dict[str, Schema] = {
    "OrderRequest": {
        "description": (
            "A limit order has price and quantity (GTC by default; post_only only with GTC). A market sell has a "
            "quantity, a market buy a quantity or a budget in the quote asset (IOC by default; FOK needs a quantity). "
            "Null means absent. Decimals are strings."
        ),
        **record(
            optional=_ORDER_OPTIONAL,
            market=STRING,
            side=SIDE,
            type=ORDER_TYPE,
            price=or_null(POSITIVE),
            quantity=or_null(POSITIVE),
            budget=or_null(POSITIVE),
            time_in_force=or_null(TIME_IN_FORCE),
            post_only=or_null(BOOLEAN),
            client_order_id=or_null(CLIENT_ID),
        ),
    },
    "Order": record(
        order_id=ORDER_ID,
        client_order_id=or_null(CLIENT_ID),
        account=ACCOUNT,
        market=STRING,
        side=SIDE,
        type=ORDER_TYPE,
        time_in_force=TIME_IN_FORCE,
        post_only=BOOLEAN,
        price=or_null(DECIMAL),
        quantity=or_null(DECIMAL),
        budget=or_null(DECIMAL),
        status=STATUS,
        reason=or_null(STRING),
        matched_quantity=DECIMAL,
        remaining_quantity=or_null(DECIMAL),
        average_price=or_null(DECIMAL),
        locked=or_null(record(asset=STRING, amount=DECIMAL)),
        created_at=TIME,
        approved_at=or_null(TIME),
        updated_at=TIME,
        history=array(record(status=STATUS, at=TIME)),
        trades=array(
            record(
                trade_id=STRING,
                price=DECIMAL,
                quantity=DECIMAL,
                fee=DECIMAL,
                fee_asset=STRING,
                role={"enum": ["maker", "taker"]},
                at=TIME,
            )
        ),
    ),
    "Orders": record(orders=array(ref("Order")), next_cursor=or_null(ORDER_ID)),
    "CancelAll": record(account=ACCOUNT, market=STRING, done=BOOLEAN),
    "Balances": record(account=ACCOUNT, balances=array(record(asset=STRING, free=DECIMAL, held=DECIMAL))),
    "Markets": record(
        markets=array(
            record(
                market=STRING,
                base=STRING,
                quote=STRING,
                base_scale=COUNT,
                quote_scale=COUNT,
                tick=DECIMAL,
                lot=DECIMAL,
                min_notional=DECIMAL,
                maker_fee_ppm=COUNT,
                taker_fee_ppm=COUNT,
                protection_ppm=COUNT,
            )
        )
    ),
    "Book": record(market=STRING, sequence=COUNT, bids=array(_LEVEL), asks=array(_LEVEL)),
    "Trades": record(
        market=STRING,
        trades=array(record(trade_id=STRING, price=DECIMAL, quantity=DECIMAL, taker_side=SIDE, at=TIME)),
    ),
    "TransferRequest": record(asset=STRING, amount=POSITIVE, transfer_id=CLIENT_ID),
    "Transfer": record(
        transfer_id=CLIENT_ID,
        account=ACCOUNT,
        kind={"enum": ["deposit", "withdrawal"]},
        asset=STRING,
        amount=DECIMAL,
        status={"enum": ["PENDING", "DONE", "REJECTED"]},
        reason=or_null(STRING),
        balance=or_null(DECIMAL),
        created_at=TIME,
        decided_at=or_null(TIME),
    ),
    "Audit": record(
        holds=BOOLEAN,
        at_rest=BOOLEAN,
        faults=array(STRING),
        totals=array(_SUMS),
        wallets={
            **array(record(wallet=STRING, open_orders=COUNT, assets=array(_SUMS))),
            "maxItems": SHARDS_MAX,
        },
    ),
    "KeyRequest": record(account=ACCOUNT, scopes={**array({"enum": list(SCOPES)}), "minItems": 1}),
    "Key": record(
        optional=("key",),
        key_id=STRING,
        account=ACCOUNT,
        scopes=array({"enum": list(SCOPES)}),
        created_at=TIME,
        key={**STRING, "description": "The key itself, shown only in the answer that makes it."},
    ),
    "Keys": record(keys=array(ref("Key"))),
    "Health": record(status={"enum": ["live", "ready"]}),
    "Problem": {
        "description": "RFC 9457. Decide by `code`; the texts are for people.",
        **record(
            type={"type": "string", "format": "uri"},
            code={"enum": list(PROBLEMS)},
            title=STRING,
            status=COUNT,
            detail=STRING,
        ),
    },
}
"""By name."""
