"""Who executed an action stands; and an action that waits for a person is let through by its approved card alone, as that says."""

from django.db import migrations, models
from django.db.models import Q

BEGUN = ["executing", "succeeded", "failed", "lost"]

# The card is written before its action, in the same transaction.
KEEP_SQL = """
CREATE OR REPLACE FUNCTION chimera_keep_action() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status NOT IN ('allowed', 'review', 'denied') OR NEW.version <> 1 THEN
            RAISE EXCEPTION 'an action does not begin as %% in version %%', NEW.status, NEW.version
                USING ERRCODE = 'check_violation', CONSTRAINT = 'action_start';
        END IF;
        RETURN NULL;
    END IF;
    IF OLD IS NOT DISTINCT FROM NEW THEN
        RETURN NULL;
    END IF;
    IF OLD.status <> NEW.status AND (OLD.status, NEW.status) NOT IN (
        ('review', 'allowed'), ('review', 'denied'), ('review', 'dead'), ('allowed', 'executing'), ('allowed', 'dead'),
        ('executing', 'succeeded'), ('executing', 'failed'), ('executing', 'lost'), ('lost', 'succeeded'), ('lost', 'failed')
    ) THEN
        RAISE EXCEPTION 'action %% cannot become %% from %%', OLD.id, NEW.status, OLD.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'action_edge';
    END IF;%(approved)s
    IF (OLD.arguments, OLD.original_arguments, OLD.digest) IS DISTINCT FROM (NEW.arguments, NEW.original_arguments, NEW.digest)
       AND NOT (OLD.status = 'review' AND NEW.status = 'allowed')
       OR OLD.token_digest IS NOT NULL AND NEW.token_digest IS DISTINCT FROM OLD.token_digest%(executed)s THEN
        RAISE EXCEPTION 'what was decided of action %% stands', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'action_stands';
    END IF;
    IF NEW.version <> OLD.version + 1 THEN
        RAISE EXCEPTION 'action %% changes from version %% to the next, not to %%', OLD.id, OLD.version, NEW.version
            USING ERRCODE = 'check_violation', CONSTRAINT = 'action_version';
    END IF;
    RETURN NULL;
END $$;
"""
APPROVED_SQL = """
    IF OLD.status = 'review' AND NEW.status = 'allowed' AND NOT EXISTS (
        SELECT FROM safety_reviewcard AS card
        WHERE card.id = OLD.review_id AND card.tenant_id = OLD.tenant_id AND card.action_id = OLD.id
            AND card.status = 'approved' AND NEW.arguments = COALESCE(card.edited_payload, OLD.arguments)
            AND CASE WHEN NEW.arguments = OLD.arguments
                THEN NEW.digest = OLD.digest AND NEW.original_arguments IS NULL
                ELSE NEW.digest <> OLD.digest AND NEW.original_arguments = OLD.arguments END
    ) THEN
        RAISE EXCEPTION 'action % is let through as its approved card says, and not else', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'action_approved';
    END IF;"""
EXECUTED_SQL = """
       OR OLD.executed_by IS NOT NULL AND NEW.executed_by IS DISTINCT FROM OLD.executed_by"""
STRICTER_SQL = KEEP_SQL % {"approved": APPROVED_SQL, "executed": EXECUTED_SQL}
AS_BEFORE_SQL = KEEP_SQL % {"approved": "", "executed": ""}

TOKEN_IFF_BEGUN = "action_token_iff_begun"
BEGUN_BY_SOMEBODY = Q(
    status__in=BEGUN, token_digest__isnull=False, executed_at__isnull=False, executed_by__isnull=False
) | (~Q(status__in=BEGUN) & Q(token_digest__isnull=True, executed_at__isnull=True, executed_by__isnull=True))

# Of what was begun before, nobody knows better than that its proposer did.
FILL_SQL = "UPDATE safety_action SET executed_by = agent_id, version = version + 1 WHERE token_digest IS NOT NULL"


class Migration(migrations.Migration):
    dependencies = [("safety", "0009_notifications")]

    operations = [
        migrations.AddField("action", "executed_by", models.UUIDField(null=True)),
        migrations.RunSQL(FILL_SQL, migrations.RunSQL.noop),
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        migrations.RemoveConstraint("action", TOKEN_IFF_BEGUN),
        migrations.AddConstraint("action", models.CheckConstraint(name=TOKEN_IFF_BEGUN, condition=BEGUN_BY_SOMEBODY)),
        migrations.RunSQL(
            "GRANT UPDATE (executed_by) ON safety_action TO chimera_app, chimera_system", migrations.RunSQL.noop
        ),
        migrations.RunSQL(STRICTER_SQL, AS_BEFORE_SQL),
    ]
