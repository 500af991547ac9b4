"""What is held for an action is captured out of the keeping of its execution alone, for every role."""

from django.db import migrations, models
from django.db.models import Q

# A hold of no action is not asked: the condition is looked at, and no function is called.
ACTIONS_SQL = """
CREATE FUNCTION chimera_refuse_money_of_action() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'transaction % is of action %, which was not executed', OLD.id, OLD.action
        USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_of_action';
END $$;
REVOKE ALL ON FUNCTION chimera_refuse_money_of_action() FROM PUBLIC;
CREATE TRIGGER keep_for_action AFTER UPDATE ON commerce_transaction FOR EACH ROW
    WHEN (OLD.action IS DISTINCT FROM NEW.action
          OR (NEW.action IS NOT NULL AND NEW.status = 'captured' AND OLD.status <> 'captured' AND OLD.keeper <> 'action')
          OR (OLD.keeper = 'action' AND NEW.keeper <> 'action'))
    EXECUTE FUNCTION chimera_refuse_money_of_action();
"""
ACTIONS_REVERSE_SQL = """
DROP TRIGGER keep_for_action ON commerce_transaction;
DROP FUNCTION chimera_refuse_money_of_action();
"""
OPEN = ["held", "review"]


def _keeper_iff_open(keepers: list[str]) -> models.CheckConstraint:
    return models.CheckConstraint(
        name="transaction_keeper_iff_open",
        condition=Q(status__in=OPEN, keeper__isnull=False, keeper__in=keepers, settled_at__isnull=True)
        | (~Q(status__in=OPEN) & Q(keeper__isnull=True, settled_at__isnull=False)),
    )


class Migration(migrations.Migration):
    dependencies = [
        ("commerce", "0013_windows_are_themselves"),
    ]

    operations = [
        migrations.AddField(
            model_name="transaction",
            name="action",
            field=models.UUIDField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name="transaction",
            name="keeper",
            field=models.CharField(
                choices=[("lease", "lease"), ("card", "card"), ("resume", "resume"), ("action", "action")],
                max_length=6,
                null=True,
            ),
        ),
        migrations.RemoveConstraint(model_name="transaction", name="transaction_keeper_iff_open"),
        migrations.AddConstraint(
            model_name="transaction", constraint=_keeper_iff_open(["lease", "card", "resume", "action"])
        ),
        migrations.AddConstraint(
            model_name="transaction",
            constraint=models.CheckConstraint(
                name="transaction_kept_by_its_action",
                condition=Q(keeper__isnull=True) | ~Q(keeper="action") | Q(status="held", action__isnull=False),
            ),
        ),
        migrations.RunSQL(ACTIONS_SQL, ACTIONS_REVERSE_SQL),
    ]
